-- A topic that was made anew has its offsets once more: what is refused under one is then kept instead of what was
-- there, of a message that nobody can read any more. What is as old as its dead letter is removed.

grant update on refused_facts to {login};
