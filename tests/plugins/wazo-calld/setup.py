from setuptools import setup

setup(
    name='fixture_calld',
    version='1.0.0',
    description="Fixture of the farm's tests",
    packages=['fixture_calld'],
    entry_points={
        'wazo_calld.plugins': ['fixture = fixture_calld.plugin:Plugin'],
    },
)
