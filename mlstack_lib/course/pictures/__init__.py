"""Pictures that several chapters need, drawn from the learner's own objects: a file each."""
