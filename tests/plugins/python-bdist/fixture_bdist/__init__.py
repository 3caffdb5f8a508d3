"""Importable after installation."""

ANSWER = 42
