"""Label, Content Credentials and signed notes: what an output says about itself, and how that is checked."""
