"""Dead letters for those who replay them: what there is, where each one stands, what to do about it."""
