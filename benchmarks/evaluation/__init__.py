"""How well the recommender finds what people really chose next, over any file of ratings: `make eval DATA=file`."""
