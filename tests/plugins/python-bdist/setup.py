from setuptools import setup

setup(
    name='fixture_bdist',
    version='1.0.0',
    description="Fixture of the farm's tests",
    packages=['fixture_bdist'],
)
