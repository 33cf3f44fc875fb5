"""The pages of IVR configurations: flow chart, form, JSON, preview and revisions."""
