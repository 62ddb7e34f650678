"""The workshop around the recipes: runner, lint, gallery and generated result tables."""
