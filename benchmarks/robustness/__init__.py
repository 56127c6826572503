"""What ordinary and hostile input does: nothing wrong without a word, nothing lost."""
