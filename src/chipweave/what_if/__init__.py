"""What a schedule would come to if one thing were different: evaluated and searched anew, not guessed."""
