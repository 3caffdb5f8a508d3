from setuptools import setup

setup(
    name='fixture_confd',
    version='1.0.0',
    description="Fixture of the farm's tests",
    packages=['fixture_confd'],
    entry_points={
        'wazo_confd.plugins': ['fixture = fixture_confd.plugin:Plugin'],
    },
)
