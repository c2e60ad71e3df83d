"""``BottleneckSearchCV``: search of the bottleneck size."""
