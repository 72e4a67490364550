"""Products with a layout of their own: PRISMA, Tanager, NEON, EnMAP, DESIS, CAVE."""
