"""Loaded by their entry points; they need nothing of Wazo to be imported."""


class Generator:
    def load(self, dependencies):
        self.dependencies = dependencies
