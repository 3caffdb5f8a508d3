"""Run by wazo-provd."""

VERSION = '1.0'
