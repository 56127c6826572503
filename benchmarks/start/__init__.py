"""What a measured start gives where region, time and shape of bleaching are told wrongly."""
