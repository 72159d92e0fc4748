"""Methods that are compared: one adapter each, the same interface, the same clicks."""
