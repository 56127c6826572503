"""Every table and figure of the DeepFRAP paper, beside what skfrap gives."""
