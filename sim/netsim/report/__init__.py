"""Reports: what they show (data), figures, pages and a static picture."""
