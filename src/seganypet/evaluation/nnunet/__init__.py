"""Networks trained for a cohort's targets, within nnU-Net's framework: nnU-Net, STU-Net, SegResNet, SwinUNETR."""
