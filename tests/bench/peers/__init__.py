"""What our intake is compared with. Written for that alone, each as its kind of server is usually written."""
