"""Loaded by their entry points; they need nothing of Wazo to be imported."""


class Backend:
    def load(self, dependencies):
        self.dependencies = dependencies


class View:
    def load(self, dependencies):
        self.dependencies = dependencies
