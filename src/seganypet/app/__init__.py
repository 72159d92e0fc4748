"""The page and its server: scans, readers' work on them, and the model's masks, over HTTP."""
