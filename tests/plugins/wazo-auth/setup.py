from setuptools import setup

setup(
    name='fixture_auth',
    version='1.0.0',
    description="Fixture of the farm's tests",
    packages=['fixture_auth'],
    entry_points={
        'wazo_auth.http': ['fixture = fixture_auth.plugin:Http'],
        'wazo_auth.external_auth': ['fixture = fixture_auth.plugin:ExternalAuth'],
    },
)
