"""D where what bleaching left is an unknown: linear ones are integrated out."""
