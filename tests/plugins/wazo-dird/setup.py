from setuptools import setup

setup(
    name='fixture_dird',
    version='1.0.0',
    description="Fixture of the farm's tests",
    packages=['fixture_dird'],
    entry_points={
        'wazo_dird.backends': ['fixture = fixture_dird.plugin:Backend'],
        'wazo_dird.views': ['fixture = fixture_dird.plugin:View'],
    },
)
