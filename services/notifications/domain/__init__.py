"""Who is told what: pure rules, no database, no mail."""
