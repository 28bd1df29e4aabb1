"""What would have been sealed and decided under other suppositions, beside what was: counterfactual in every word."""
