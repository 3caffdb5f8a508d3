from setuptools import find_packages, setup

setup(name='fixture_tests', version='1.0.0', packages=find_packages())
