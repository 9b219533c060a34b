"""What every stage stands on and what knows no physics."""
