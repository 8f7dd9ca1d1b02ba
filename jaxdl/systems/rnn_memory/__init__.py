"""rnn_memory."""
