"""The notebooks, how they are run, and what draws their pictures."""
