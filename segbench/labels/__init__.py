"""What bytes mean: label spaces, the encodings of label maps, and which class of one space stands for which of another."""
