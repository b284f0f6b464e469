"""What every room stands on: errors, types, files, names of languages, numbers in words."""
