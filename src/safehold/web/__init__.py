"""The design system: tokens, shells, components and the few scripts that every page of the product is made of."""
