"""Loaded by their entry points; they need nothing of Wazo to be imported."""


class Plugin:
    def load(self, dependencies):
        self.dependencies = dependencies
