"""What upstream teams are given: schemas, the AsyncAPI document, samples; by tools that aren't ours."""
