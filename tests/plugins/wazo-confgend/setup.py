from setuptools import setup

setup(
    name='fixture_confgend',
    version='1.0.0',
    description="Fixture of the farm's tests",
    packages=['fixture_confgend'],
    entry_points={
        'wazo_confgend.asterisk.fixture.conf': ['fixture = fixture_confgend.plugin:Generator'],
    },
)
