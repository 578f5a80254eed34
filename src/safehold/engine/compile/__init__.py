"""From typed trees to answers: `exact` walks one tree, `emit` makes one Python function of all rules of an event type."""
