"""One module for each family of corpus formats; `workbench.text.readers` is where they are named."""
