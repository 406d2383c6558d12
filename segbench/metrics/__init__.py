"""What mIoU and its relatives are: pure functions of what was counted."""
