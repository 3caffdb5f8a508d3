"""Loaded by their entry points; they need nothing of Wazo to be imported."""


class Http:
    def load(self, dependencies):
        self.dependencies = dependencies


class ExternalAuth:
    def load(self, dependencies):
        self.dependencies = dependencies
