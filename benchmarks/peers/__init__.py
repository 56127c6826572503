"""skfrap beside what one would use instead."""
