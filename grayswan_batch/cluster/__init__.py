"""What `grayswan_batch.ray` is made of; all but `worker` and `columns` is free of Ray and Arrow."""
