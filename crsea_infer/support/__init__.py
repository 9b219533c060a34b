"""What every stage rests on and what knows no physics."""
