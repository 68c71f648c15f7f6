release
release
release
release
