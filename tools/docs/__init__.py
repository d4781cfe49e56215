"""python -m tools docs: the pages in docs/ that are made from the catalogue, the errors and the hand-written parts."""
