release
