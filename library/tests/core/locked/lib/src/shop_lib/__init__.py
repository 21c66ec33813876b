VALUE = "as committed"
