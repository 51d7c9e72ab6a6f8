"""What others run Porchlight with: the image, compose, Kubernetes, nginx, monitoring; and bills of material."""
