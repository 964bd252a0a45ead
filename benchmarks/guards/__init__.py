"""What guards of LangChain agents let through: leaks by surfaces, ours and the pattern's."""
