"""Basics used by all subpackages: errors, types, files, language names, number formats."""
